version = 1
global {
  mail {
    from   = "vipd@example.com"
    server = "mail.example.com:587"
  }
}

virtual_server "web" {
  address = "192.0.2.10:80"
  forward = "masq"
  real_server "192.0.2.20" {}
  check "tcp" {}
  alert {
    mail = true
  }
}
