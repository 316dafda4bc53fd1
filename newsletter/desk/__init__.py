"""The curator's door: the admin site and its pages. `apps.ready` imports `admin`; `config.urls` mounts the site."""
