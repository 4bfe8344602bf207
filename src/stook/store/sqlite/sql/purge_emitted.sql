delete from emitted where id in (select id from emitted where until <= ?1 order by until limit ?2);
