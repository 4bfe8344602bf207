-- Up to $2 lanes in which ready items of a batch wait.
select distinct lane, cost from segment where batch_id = $1 and status = 0 limit $2;
