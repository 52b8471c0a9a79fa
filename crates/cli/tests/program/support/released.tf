terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  region = "eu-west-1"
}

variable "tag" {
  default = "v1"
}

variable "environment" {
  type    = map(string)
  default = {}
}

resource "aws_vpc" "it" {
  cidr_block = "10.0.0.0/16"
}

resource "aws_subnet" "it" {
  count             = 2
  vpc_id            = aws_vpc.it.id
  cidr_block        = cidrsubnet(aws_vpc.it.cidr_block, 8, count.index)
  availability_zone = "eu-west-1${["a", "b"][count.index]}"
}

resource "aws_ecs_cluster" "it" {
  name = "it"
}

resource "aws_lb" "it" {
  name    = "it"
  subnets = aws_subnet.it[*].id
}

resource "aws_lb_target_group" "it" {
  for_each    = toset(["blue", "green"])
  name        = "it-${each.key}"
  port        = 8080
  protocol    = "HTTP"
  target_type = "ip"
  vpc_id      = aws_vpc.it.id

  health_check {
    path              = "/health"
    interval          = 5
    timeout           = 2
    healthy_threshold = 2
  }
}

resource "aws_lb_listener" "it" {
  for_each          = { users = 80, tests = 8080 }
  load_balancer_arn = aws_lb.it.arn
  port              = each.value

  default_action {
    type = "forward"

    forward {
      target_group {
        arn    = aws_lb_target_group.it["blue"].arn
        weight = 100
      }
      target_group {
        arn    = aws_lb_target_group.it["green"].arn
        weight = 0
      }
    }
  }
}

resource "aws_ecs_task_definition" "it" {
  family                   = "it"
  network_mode             = "awsvpc"
  requires_compatibilities = ["FARGATE"]
  cpu                      = 256
  memory                   = 512

  container_definitions = jsonencode([{
    name         = "it"
    image        = "infra/hello:${var.tag}"
    essential    = true
    portMappings = [{ containerPort = 8080, protocol = "tcp" }]
    environment  = [for name, value in merge({ TOKEN = "not-for-the-record" }, var.environment) : { name = name, value = value }]
  }])
}

resource "aws_ecs_service" "it" {
  for_each        = toset(["blue", "green"])
  name            = "it-${each.key}"
  cluster         = aws_ecs_cluster.it.arn
  task_definition = aws_ecs_task_definition.it.arn
  desired_count   = 1
  launch_type     = "FARGATE"

  network_configuration {
    subnets = aws_subnet.it[*].id
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.it[each.key].arn
    container_name   = "it"
    container_port   = 8080
  }

  depends_on = [aws_lb_listener.it]

  lifecycle {
    ignore_changes = [task_definition, desired_count]
  }
}

output "lb" {
  value = aws_lb.it.dns_name
}
