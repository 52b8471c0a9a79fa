output "dns_name" {
  description = "Host name of the load balancer, for an alias or CNAME record."
  value       = aws_lb.this.dns_name
}

output "zone_id" {
  description = "Route 53 zone of the load balancer's name, for an alias record."
  value       = aws_lb.this.zone_id
}

output "service_names" {
  description = "The ECS service of each colour."
  value       = { for colour, service in aws_ecs_service.this : colour => service.name }
}

output "url" {
  description = "Where users come in, by the load balancer's own name."
  value       = "${local.https ? "https" : "http"}://${aws_lb.this.dns_name}"
}

output "log_group_name" {
  description = "Where the containers' output is."
  value       = aws_cloudwatch_log_group.this.name
}

output "tasks_security_group_id" {
  description = "Security group of the tasks, for what they have to reach."
  value       = aws_security_group.tasks.id
}
