delete from workspace_secret where project = $1;
