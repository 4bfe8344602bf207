select name, weight from project;
