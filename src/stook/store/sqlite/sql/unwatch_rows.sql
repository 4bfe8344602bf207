-- None was ever put anywhere.
select null, null where false;
