version = 1

check "https" "page" {
  certificate = "director.pem"
}
