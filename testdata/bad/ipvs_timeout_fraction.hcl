version = 1

ipvs {
  tcp_timeout = "1500ms"
}
