-- Rows of the user's tables that changed. Nothing writes them here: SQLite's triggers know the columns of their table
-- only when they are written. Both databases have the same tables.
create table row_change (
    id              integer primary key,
    project         text not null,
    source          text not null,
    op              text not null,
    old             text,
    new             text,
    task            text,
    due_at          integer not null
);
create index row_change_due on row_change (due_at, id);
