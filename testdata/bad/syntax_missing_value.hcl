version = 1

vrrp_instance "web" {
  interface =
}
