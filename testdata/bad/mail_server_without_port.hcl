version = 1

global {
  mail {
    to     = ["ops@example.com"]
    from   = "vipd@example.com"
    server = "mail.example.com"
  }
}
