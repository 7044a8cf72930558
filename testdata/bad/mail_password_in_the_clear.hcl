version = 1

global {
  mail {
    to     = ["ops@example.com"]
    from   = "vipd@example.com"
    server = "mail.example.com:25"
    security      = "none"
    username      = "vipd"
    password_file = "/etc/vipd/mail.password"
  }
}
