# A Fargate service in two colours, of which one is live: its task definition, its network access, and how many tasks it
# has. release.infra.hcl says how a new version takes over.

locals {
  autoscaled = var.tasks.max > var.tasks.min
}

data "aws_region" "current" {}

data "aws_caller_identity" "current" {}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/ecs/${var.cluster.name}/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_ecs_task_definition" "this" {
  family                   = var.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.size.cpu
  memory                   = var.size.memory
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task.arn

  # The version before stays usable: going back to it may start it again.
  skip_destroy = true

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "X86_64"
  }

  container_definitions = jsonencode([
    {
      name                   = var.name
      image                  = var.container.image
      essential              = true
      readonlyRootFilesystem = true

      portMappings = [
        {
          containerPort = var.container.port
          protocol      = "tcp"
        }
      ]

      environment = [for name, value in var.container.environment : { name = name, value = value }]
      secrets     = [for name, arn in var.container.secrets : { name = name, valueFrom = arn }]

      logConfiguration = {
        logDriver = "awslogs"
        options = {
          awslogs-group         = aws_cloudwatch_log_group.this.name
          awslogs-region        = data.aws_region.current.name
          awslogs-stream-prefix = var.name
        }
      }
    }
  ])
}

resource "aws_security_group" "tasks" {
  name        = "${var.name}-tasks"
  description = "Tasks of ${var.name}"
  vpc_id      = var.vpc_id

  tags = {
    Name = "${var.name}-tasks"
  }
}

resource "aws_vpc_security_group_ingress_rule" "tasks_from_balancer" {
  security_group_id            = aws_security_group.tasks.id
  referenced_security_group_id = aws_security_group.balancer.id
  ip_protocol                  = "tcp"
  from_port                    = var.container.port
  to_port                      = var.container.port

  tags = {
    Name = "From the load balancer"
  }
}

resource "aws_vpc_security_group_egress_rule" "tasks_https" {
  security_group_id = aws_security_group.tasks.id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443

  tags = {
    Name = "HTTPS: images, logs, secrets and other services"
  }
}

resource "aws_vpc_security_group_egress_rule" "tasks" {
  for_each = var.egress

  security_group_id            = aws_security_group.tasks.id
  referenced_security_group_id = each.value.security_group_id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port

  tags = {
    Name = "To ${each.key}"
  }
}

resource "aws_ecs_service" "this" {
  for_each = local.colours

  name            = "${var.name}-${each.key}"
  cluster         = var.cluster.arn
  task_definition = aws_ecs_task_definition.this.arn
  desired_count   = each.key == "blue" ? var.tasks.min : 0
  launch_type     = "FARGATE"

  availability_zone_rebalancing      = "ENABLED"
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  propagate_tags                     = "SERVICE"

  # Without rollback: a version that does not start shows, and the release takes it back.
  deployment_circuit_breaker {
    enable   = true
    rollback = false
  }

  network_configuration {
    subnets         = var.private_subnet_ids
    security_groups = [aws_security_group.tasks.id]
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.this[each.key].arn
    container_name   = var.name
    container_port   = var.container.port
  }

  # ECS refuses a target group that no listener uses, and tasks cannot start before their permissions are there.
  depends_on = [
    aws_lb_listener.main,
    aws_lb_listener.test,
    aws_iam_role_policy.execution,
  ]

  lifecycle {
    # Which version runs, and how many tasks, is for the release and for autoscaling to decide; rebalancing between zones
    # may be off for a while.
    ignore_changes = [task_definition, desired_count, availability_zone_rebalancing]
  }
}

resource "aws_appautoscaling_target" "this" {
  for_each = local.autoscaled ? local.colours : []

  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${var.cluster.name}/${aws_ecs_service.this[each.key].name}"
  min_capacity       = var.tasks.min
  max_capacity       = var.tasks.max
}

resource "aws_appautoscaling_policy" "cpu" {
  for_each = aws_appautoscaling_target.this

  name               = "${var.name}-${each.key}-cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = each.value.service_namespace
  scalable_dimension = each.value.scalable_dimension
  resource_id        = each.value.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = 60
    scale_in_cooldown  = 300
    scale_out_cooldown = 60

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}
