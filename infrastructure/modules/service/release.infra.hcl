# How a new version takes over. Terraform does not read this file.

release "this" {
  services      = aws_ecs_service.this
  target_groups = aws_lb_target_group.this
  listener      = aws_lb_listener.main
  test_listener = aws_lb_listener.test

  strategy = "blue_green"
  standby  = var.release.standby

  check "http" "health" {
    path   = var.health_check.path
    status = 200
  }

  revert_when {
    error_rate_percent = var.release.error_rate_percent
    window             = var.release.window
    min_requests       = var.release.min_requests
    probe              = var.health_check.path
  }
}
