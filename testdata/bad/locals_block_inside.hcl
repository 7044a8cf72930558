version = 1

locals {
  inner {
  }
}
