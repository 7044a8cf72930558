version = 1

connection_sync {
  interface = "eth1"
  id        = 256
}
