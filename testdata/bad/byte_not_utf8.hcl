version = 1

locals {
  x = "café"
}
