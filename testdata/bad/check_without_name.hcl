version = 1

check "tcp" {}
