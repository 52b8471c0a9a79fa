//! Address blocks in CIDR notation.

use std::net::{Ipv4Addr, Ipv6Addr};

use dashu_base::{Signed, UnsignedAbs};
use dashu_int::{IBig, UBig};
use infra_value::{Type, Value};

use super::{Function, FunctionError, Param, gives_string, gives_strings, text, whole};

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "cidrhost",
        params: &[Param::string("prefix"), Param::number("hostnum")],
        variadic: None,
        not_null: true,
        returns: gives_string,
        body: |args, _, _| {
            let number = big(&args[1])?;
            let block = Block::parse(text(&args[0])).map_err(FunctionError::call)?;
            Ok(Value::string(show(block.host(number).map_err(FunctionError::call)?, block.bits)))
        },
    },
    Function {
        name: "cidrnetmask",
        params: &[Param::string("prefix")],
        variadic: None,
        not_null: true,
        returns: gives_string,
        body: |args, _, _| {
            let block = Block::parse(text(&args[0])).map_err(FunctionError::call)?;
            if block.bits != V4_BITS {
                let message = format!("IPv6 addresses cannot have a netmask: {}", text(&args[0]));
                return Err(FunctionError::call(message));
            }
            Ok(Value::string(show(block.mask(), block.bits)))
        },
    },
    Function {
        name: "cidrsubnet",
        params: &[Param::string("prefix"), Param::number("newbits"), Param::number("netnum")],
        variadic: None,
        not_null: true,
        returns: gives_string,
        body: |args, _, _| {
            let new_bits = whole(&args[1]).map_err(FunctionError::call)?;
            let number = big(&args[2])?;
            let block = Block::parse(text(&args[0])).map_err(FunctionError::call)?;
            let subnet = block.subnet(new_bits, &number).map_err(FunctionError::call)?;
            Ok(Value::string(subnet.show()))
        },
    },
    Function {
        name: "cidrsubnets",
        params: &[Param::string("prefix")],
        variadic: Some(Param::number("newbits")),
        not_null: true,
        returns: gives_strings,
        body: |args, _, _| subnets(args),
    },
];

const V4_BITS: u32 = 32;
const V6_BITS: u32 = 128;
/// Where the IPv4 address in an IPv6 address begins.
const MAPPED_BITS: u32 = 96;

/// A block of addresses: the address bits, how many there are, and how many of them are the prefix.
#[derive(Clone, Copy, Debug)]
struct Block {
    address: u128,
    bits: u32,
    prefix: u32,
}

fn big(value: &Value) -> Result<IBig, FunctionError> {
    let digits = value.as_number().filter(|n| n.is_integer()).map(ToString::to_string);
    let number = digits.and_then(|digits| digits.parse().ok());
    number.ok_or_else(|| FunctionError::call("value must be a whole number"))
}

/// Dotted or with colons. An IPv6 address that stands for an IPv4 one is shown as that.
fn show(address: u128, bits: u32) -> String {
    if bits == V4_BITS || is_mapped(address) {
        // The lowest 32 bits.
        Ipv4Addr::from(address as u32).to_string()
    } else {
        Ipv6Addr::from(address).to_string()
    }
}

fn is_mapped(address: u128) -> bool {
    address >> V4_BITS == 0xffff
}

/// An IPv4 address of four decimal numbers, which may have leading zeros.
fn parse_v4(text: &str) -> Option<u128> {
    let mut address = 0;
    let mut count = 0;
    for part in text.split('.') {
        let plain = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let part: u8 = if plain { part.parse().ok()? } else { return None };
        address = address << 8 | u128::from(part);
        count += 1;
    }
    (count == 4).then_some(address)
}

impl Block {
    fn parse(text: &str) -> Result<Block, String> {
        let invalid = || format!("invalid CIDR expression: invalid CIDR address: {text}");
        let (address, prefix) = text.split_once('/').ok_or_else(invalid)?;
        let (address, bits) = match parse_v4(address) {
            Some(v4) => (v4, V4_BITS),
            None => (u128::from(address.parse::<Ipv6Addr>().map_err(|_| invalid())?), V6_BITS),
        };
        let plain = !prefix.is_empty() && prefix.bytes().all(|b| b.is_ascii_digit());
        let prefix = prefix.parse().ok().filter(|prefix| plain && *prefix <= bits).ok_or_else(invalid)?;
        let block = Block { address, bits, prefix };
        Ok(Block { address: address & block.mask(), ..block })
    }

    fn mask(self) -> u128 {
        let all = if self.bits == V6_BITS { u128::MAX } else { (1 << self.bits) - 1 };
        all & !self.host_mask()
    }

    fn host_mask(self) -> u128 {
        match self.bits - self.prefix {
            V6_BITS => u128::MAX,
            host => (1 << host) - 1,
        }
    }

    fn host(self, number: IBig) -> Result<u128, String> {
        let greatest = IBig::from(self.host_mask());
        let from_end = number.is_negative();
        let distance = if from_end { -&number - IBig::ONE } else { number.clone() };
        let fits = distance <= greatest;
        let number = if from_end { greatest - distance } else { number };
        if !fits {
            return Err(format!("prefix of {} does not accommodate a host numbered {number}", self.prefix));
        }
        // In an IPv6 address that stands for an IPv4 one, Terraform counts from the place of the highest bits.
        let shift = if self.bits == V6_BITS && is_mapped(self.address) { MAPPED_BITS as usize } else { 0 };
        Ok(low_bits(&(IBig::from(self.address) | number << shift)))
    }

    fn subnet(self, new_bits: i64, number: &IBig) -> Result<Block, String> {
        let prefix = i64::from(self.prefix).saturating_add(new_bits);
        let prefix = u32::try_from(prefix)
            .ok()
            .filter(|prefix| *prefix <= self.bits)
            .ok_or_else(|| format!("insufficient address space to extend prefix of {} by {new_bits}", self.prefix))?;
        // Terraform compares with 64 bits only: a number beyond them goes round.
        let greatest = match u32::try_from(new_bits) {
            Ok(bits @ 0..64) => (1_u64 << bits) - 1,
            _ => u64::MAX,
        };
        // The lowest 64 bits of the magnitude.
        if low_bits(number) as u64 > greatest {
            return Err(format!("prefix extension of {new_bits} does not accommodate a subnet numbered {number}"));
        }
        let inserted = IBig::from(self.address) | (number.clone() << (self.bits - prefix) as usize);
        Ok(Block { address: low_bits(&inserted), bits: self.bits, prefix })
    }

    fn show(self) -> String {
        let mapped = self.bits == V6_BITS && is_mapped(self.address) && self.prefix >= MAPPED_BITS;
        let prefix = if mapped { self.prefix - MAPPED_BITS } else { self.prefix };
        format!("{}/{prefix}", show(self.address, self.bits))
    }
}

/// The lowest 128 bits of the magnitude, as Terraform makes an address of a number.
fn low_bits(number: &IBig) -> u128 {
    let magnitude = number.clone().unsigned_abs() & UBig::from(u128::MAX);
    u128::try_from(magnitude).unwrap_or(u128::MAX)
}

/// How many bits one subnet may add.
const MOST_NEW_BITS: i64 = 32;

fn subnets(args: &[Value]) -> Result<Value, FunctionError> {
    let network = Block::parse(text(&args[0])).map_err(|e| FunctionError::argument(0, e))?;
    let mut blocks = Vec::new();
    let mut current: Option<Block> = None;
    for (i, new_bits) in args.iter().enumerate().skip(1) {
        let fault = |message: String| Err(FunctionError::argument(i, message));
        let new_bits = whole(new_bits).map_err(|e| FunctionError::argument(i, e))?;
        if new_bits < 1 {
            return fault("must extend prefix by at least one bit".to_owned());
        }
        if new_bits > MOST_NEW_BITS {
            return fault(format!("may not extend prefix by more than {MOST_NEW_BITS} bits"));
        }
        let prefix = network.prefix + u32::try_from(new_bits).unwrap_or(0);
        if prefix > network.bits {
            let protocol = if network.bits == V4_BITS { "IPv4" } else { "IPv6" };
            return fault(format!("would extend prefix to {prefix} bits, which is too long for an {protocol} address"));
        }
        let block = match current {
            None => Some(Block { prefix, ..network }),
            Some(before) => {
                // The first block of the new size behind the last address that is taken.
                let sized = Block { prefix, ..before };
                let last = before.address | before.host_mask() | sized.host_mask();
                let next = last.checked_add(1).map(|address| Block { address, ..sized });
                next.filter(|next| next.address & network.mask() == network.address && next.address > last)
                    .filter(|next| next.bits == V6_BITS || next.address <= u128::from(u32::MAX))
            }
        };
        let Some(block) = block else {
            let after = current.map_or_else(String::new, Block::show);
            return fault(format!(
                "not enough remaining address space for a subnet with a prefix of {prefix} bits after {after}"
            ));
        };
        blocks.push(Value::string(block.show()));
        current = Some(block);
    }
    Ok(Value::list(Type::String, blocks))
}
