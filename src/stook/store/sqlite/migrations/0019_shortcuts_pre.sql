-- Nothing: the function that PostgreSQL gets here saves round trips, of which there are none. Both databases have the same
-- steps.
select 0;
