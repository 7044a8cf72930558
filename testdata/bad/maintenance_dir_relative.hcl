version = 1
global { maintenance_dir = "maintenance" }
