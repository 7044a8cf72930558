version = 1

global {
  log {
    level = "verbose"
  }
}
