output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "cidr_block" {
  description = "IPv4 range of the VPC."
  value       = aws_vpc.this.cidr_block
}

output "public_subnet_ids" {
  description = "Public subnets, in the order of the zones."
  value       = [for zone in var.zones : aws_subnet.public[zone].id]
}

output "private_subnet_ids" {
  description = "Private subnets, in the order of the zones."
  value       = [for zone in var.zones : aws_subnet.private[zone].id]
}

output "data_subnet_ids" {
  description = "Data subnets, in the order of the zones."
  value       = [for zone in var.zones : aws_subnet.data[zone].id]
}

output "nat_public_ips" {
  description = "Addresses from which the private subnets reach the internet, for allow lists elsewhere."
  value       = [for zone in sort(local.nat_zones) : aws_eip.nat[zone].public_ip]
}
