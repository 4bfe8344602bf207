delete from emitted where id = any(array(select id from emitted where until <= $1 order by until limit $2));
