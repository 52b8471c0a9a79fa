output "url" {
  description = "Where the service answers."
  value       = module.service.url
}

output "database" {
  description = "Where the database listens."
  value       = aws_db_instance.this.endpoint
}
