select sealed, from_at, before from workspace_secret where project = $1;
