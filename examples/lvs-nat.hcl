# NAT: http and https on six real servers in a network behind the directors.
# Their default route is 10.0.0.1, the second address that the master holds.

version = 1

director "lb1" {
  address  = "192.168.0.10"
  priority = 150
}

director "lb2" {
  address  = "192.168.0.20"
  priority = 100
}

locals {
  vip     = "192.168.0.200"
  servers = [for i in range(1, 7) : "10.0.0.${10 + i}"]
  large   = ["10.0.0.15", "10.0.0.16"] # these take twice the load
}

vrrp_instance "outside" {
  interface       = "eth0"
  vrid            = 51
  virtual_address = ["${local.vip}/24"]
}

vrrp_instance "inside" {
  interface       = "eth1"
  vrid            = 52
  virtual_address = ["10.0.0.1/24"]
}

# One definition for both services: a probe of its own for each port.
check "http" "web" {
  path         = "/health"
  virtual_host = "www.example.com"
}

check "https" "secure" {
  path         = "/health"
  virtual_host = "www.example.com"
  status       = [200, "301-302"]
}

virtual_server "http" {
  address   = "${local.vip}:80"
  scheduler = "wrr"
  forward   = "masquerade"
  checks    = ["web"]

  dynamic "real_server" {
    for_each = local.servers
    labels   = [real_server.value]
    content {
      weight = contains(local.large, real_server.value) ? 2 : 1
    }
  }
}

virtual_server "https" {
  address   = "${local.vip}:443"
  scheduler = "wrr"
  forward   = "masquerade"
  checks    = ["secure"]

  persistence {
    timeout = "10m" # TLS sessions are resumed on the server that began them
  }

  dynamic "real_server" {
    for_each = local.servers
    labels   = [real_server.value]
    content {
      weight = contains(local.large, real_server.value) ? 2 : 1
    }
  }
}
