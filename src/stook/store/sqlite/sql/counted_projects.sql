select name from project where counted = 1 order by name;
