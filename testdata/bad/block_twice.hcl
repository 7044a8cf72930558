version = 1

global {
  log {
    level = "debug"
  }
  log {
    level = "info"
  }
}
