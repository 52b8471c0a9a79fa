output "address" {
  description = "Host name of the database."
  value       = aws_db_instance.this.address
}

output "port" {
  description = "TCP port of the database."
  value       = local.port
}

output "instance_arn" {
  description = "ARN of the instance."
  value       = aws_db_instance.this.arn
}

output "secret_arn" {
  description = "Secret with engine, host, port, dbname, username and password."
  value       = aws_secretsmanager_secret.this.arn
}

output "security_group_id" {
  description = "Security group of the database, for the clients' egress rules."
  value       = aws_security_group.this.id
}
