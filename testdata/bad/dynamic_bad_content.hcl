version = 1

locals {
  servers = ["192.168.0.110", "192.168.0.120"]
}

virtual_server "web" {
  address = "192.168.0.200:80"
  forward = "direct"

  check "tcp" {}

  dynamic "real_server" {
    for_each = local.servers
    labels   = [real_server.value]
    content {
      weigth = 1
    }
  }
}
