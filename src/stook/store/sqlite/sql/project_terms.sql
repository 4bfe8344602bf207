-- The project's own come last, after those that hold for all: of one task it counts.
select task, body, declared from task_terms where project in (?1, '') order by project;
