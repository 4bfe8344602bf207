select tries from errand where id = $1;
