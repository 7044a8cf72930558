version = 1

virtual_server "web" {
  address = "192.0.2.10:80"
  forward = "masq"
  real_server "192.0.2.20" {}
  check "tcp" {}
  alert {
    mail        = true
    mail_to     = ["ops at example.com"]
    mail_server = "mail.example.com"
    mail_during = ["runing"]
  }
}
