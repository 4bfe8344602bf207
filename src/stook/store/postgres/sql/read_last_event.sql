select max(id) from event;
