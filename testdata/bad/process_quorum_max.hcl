version = 1

track_process "proxy" {
  program    = "haproxy"
  quorum     = 3
  quorum_max = 2
}
