select project, dialect, app, label, id, deployment_id, moved_at
from hosted_version where project = ?1 and dialect = ?2 and app = ?3 and label = ?4;
