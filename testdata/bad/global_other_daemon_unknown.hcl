version = 1

global {
  other_vrrp_daemon = "ignore"
}
