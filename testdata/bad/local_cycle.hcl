version = 1

locals {
  a = local.b
  b = local.a
}
