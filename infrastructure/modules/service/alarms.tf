locals {
  balancer = aws_lb.this.arn_suffix

  # What is watched of each colour.
  watched = {
    failures = {
      namespace   = "AWS/ApplicationELB"
      metric      = "HTTPCode_Target_5XX_Count"
      statistic   = "Sum"
      threshold   = 10
      dimensions  = { LoadBalancer = local.balancer, TargetGroup = null }
      description = "More than 10 requests a minute failed for five minutes."
    }
    unhealthy = {
      namespace   = "AWS/ApplicationELB"
      metric      = "UnHealthyHostCount"
      statistic   = "Maximum"
      threshold   = 0
      dimensions  = { LoadBalancer = local.balancer, TargetGroup = null }
      description = "A task has been unhealthy for five minutes."
    }
    slow = {
      namespace   = "AWS/ApplicationELB"
      metric      = "TargetResponseTime"
      statistic   = "Average"
      threshold   = 1
      dimensions  = { LoadBalancer = local.balancer, TargetGroup = null }
      description = "Answers have taken longer than a second on average for five minutes."
    }
    cpu = {
      namespace   = "AWS/ECS"
      metric      = "CPUUtilization"
      statistic   = "Average"
      threshold   = 85
      dimensions  = { ClusterName = var.cluster.name, ServiceName = null }
      description = "The tasks have used more than 85 % of their CPU for five minutes."
    }
  }

  # What stands for null in the dimensions above.
  own = {
    for colour in local.colours : colour => {
      TargetGroup = aws_lb_target_group.this[colour].arn_suffix
      ServiceName = aws_ecs_service.this[colour].name
    }
  }

  alarms = merge([
    for colour in local.colours : {
      for name, alarm in local.watched : "${colour}-${name}" => merge(alarm, {
        dimensions = { for key, value in alarm.dimensions : key => value == null ? local.own[colour][key] : value }
      })
    }
  ]...)
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-service-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = 60
  evaluation_periods  = 5
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
}
