version = 1

global {
  mail {
    to     = ["ops at example"]
    from   = "vipd@example.com"
    server = "mail.example.com:587"
  }
}
