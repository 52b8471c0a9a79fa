# What a client needs to connect, as one JSON document: ECS can hand single keys of it to a container.

resource "aws_secretsmanager_secret" "this" {
  name                    = "${var.name}/database"
  description             = "Connection of the ${var.name} database"
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.deletion_protection ? 30 : 0
}

resource "aws_secretsmanager_secret_version" "this" {
  secret_id = aws_secretsmanager_secret.this.id

  secret_string_wo = jsonencode({
    engine   = "postgres"
    host     = aws_db_instance.this.address
    port     = local.port
    dbname   = var.database_name
    username = var.username
    password = var.password
  })
  secret_string_wo_version = var.password_version
}
