# Production: three zones with a NAT gateway each, a database with a standby, three tasks or
# more; protected from deletion.

locals {
  name = "${var.project}-production"

  tags = {
    Project     = var.project
    Environment = "production"
    ManagedBy   = "infra"
  }
}

provider "aws" {
  region              = var.region
  allowed_account_ids = var.account_id == null ? null : [var.account_id]

  default_tags {
    tags = local.tags
  }
}

data "aws_availability_zones" "available" {
  state = "available"
}

module "network" {
  source = "../../modules/network"

  name                 = local.name
  cidr_block           = var.cidr_block
  zones                = slice(data.aws_availability_zones.available.names, 0, 3)
  nat_gateway_per_zone = true
}

module "database" {
  source = "../../modules/database"

  name       = local.name
  vpc_id     = module.network.vpc_id
  subnet_ids = module.network.data_subnet_ids

  client_security_group_ids = {
    service = module.service.tasks_security_group_id
  }

  instance_class        = "db.m6g.large"
  allocated_storage     = 100
  multi_az              = true
  backup_retention_days = 30
  deletion_protection   = var.deletion_protection
  password              = var.database_password
  password_version      = var.database_password_version
  kms_key_arn           = aws_kms_key.this.arn
  log_retention_days    = 90
  alarm_topic_arns      = [aws_sns_topic.alarms.arn]
}

resource "aws_ecs_cluster" "this" {
  name = local.name

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

module "service" {
  source = "../../modules/service"

  name               = local.name
  vpc_id             = module.network.vpc_id
  public_subnet_ids  = module.network.public_subnet_ids
  private_subnet_ids = module.network.private_subnet_ids
  certificate_arn    = var.certificate_arn

  cluster = {
    arn  = aws_ecs_cluster.this.arn
    name = aws_ecs_cluster.this.name
  }

  container = {
    image       = var.image
    environment = { LOG_LEVEL = "info" }
    secrets     = { DATABASE = module.database.secret_arn }
  }

  size  = { cpu = 1024, memory = 2048 }
  tasks = var.tasks

  egress = {
    database = {
      security_group_id = module.database.security_group_id
      port              = module.database.port
    }
  }

  test_cidr_blocks    = var.test_cidr_blocks
  secret_arns         = [module.database.secret_arn]
  repository_arns     = var.repository_arns
  kms_key_arn         = aws_kms_key.this.arn
  log_retention_days  = 90
  deletion_protection = var.deletion_protection
  alarm_topic_arns    = [aws_sns_topic.alarms.arn]
}
