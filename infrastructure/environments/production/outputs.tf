output "url" {
  description = "Where the load balancer answers; point the certificate's name here."
  value       = "https://${module.service.dns_name}"
}

output "database_address" {
  description = "Host name of the database."
  value       = module.database.address
}

output "database_secret_arn" {
  description = "Secret with the database's connection."
  value       = module.database.secret_arn
}

output "nat_public_ips" {
  description = "Addresses from which the tasks reach the internet."
  value       = module.network.nat_public_ips
}

output "alarm_topic_arn" {
  description = "Subscribe here to hear of alarms."
  value       = aws_sns_topic.alarms.arn
}
