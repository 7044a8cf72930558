version = 1

vrrp_instanc "web" {
}
