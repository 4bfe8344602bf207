select deployment_id, app, actions from hosted_app where deployment_id = any($1::text[]);
