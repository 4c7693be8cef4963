//! Contradictions between the numbers of a configuration, and what is odd about them.

use config::FieldError;

use super::{MOST_BURSTS, MOST_CYCLES, Page, Policy, RefreshPolicy};
use crate::preset::Preset;
use crate::standard::{BankRefresh, Scope, Standard};

pub(super) fn check_timings(preset: &Preset) -> Result<(), FieldError> {
    let cycles = |name: &str| preset.timings.get(name).copied().unwrap_or(0);
    let error = |name: &str, message: String, help: &str| {
        Err(FieldError::new(format!("timings.{name}"), message).help(help))
    };
    if let Some((name, value)) = preset
        .timings
        .iter()
        .find(|(_, value)| **value > MOST_CYCLES)
    {
        return error(name, format!("{value} cycles"), "at most 2^30 cycles");
    }
    let (row, active, precharge) = (cycles("tRC"), cycles("tRAS"), cycles("tRP"));
    if row + 1 < active + precharge {
        let message = format!("tRC of {row} is below tRAS + tRP = {}", active + precharge);
        return error(
            "tRC",
            message,
            "tRC is tRAS + tRP, but for a cycle of rounding",
        );
    }
    if cycles("nBL") == 0 {
        return error("nBL", "a burst of 0 cycles".to_owned(), "at least 1");
    }
    Ok(())
}

/// Between two refreshes of a bank there must be time to open a row, use it and close it.
pub(super) fn check_refresh(
    preset: &Preset,
    standard: &Standard,
    policy: Policy,
) -> Result<(), FieldError> {
    let cycles = |name: &str| preset.timings.get(name).copied().unwrap_or(0);
    let organisation = &preset.organisation;
    let groups = match standard.refresh.scope {
        Scope::Unit => organisation.ranks * organisation.bank_groups,
        _ => organisation.bank_groups,
    };
    let of_group = organisation.banks_per_group;
    let banks = (groups * of_group) as usize;
    let single = standard.refresh.per_bank.turns(banks, of_group as usize);
    let (length, interval, turns) = match policy.refresh {
        RefreshPolicy::AllBank => ("tRFC_ab", "tREFI", 1),
        RefreshPolicy::PerBank => ("tRFC_pb", "tREFI_pb", single as u64),
        RefreshPolicy::Off => return Ok(()),
    };
    let read = cycles("tRCD_RD") + cycles("tRTP");
    let write = cycles("tRCD_WR") + cycles("CWL") + cycles("nBL") + cycles("tWR");
    let row = cycles("tRAS").max(read).max(write) + cycles("tRP");
    let error = |name: &str, message: String| {
        Err(FieldError::new(format!("timings.{name}"), message)
            .help("the interval must leave time for work"))
    };
    if cycles(length) + row >= cycles(interval) * turns {
        let message = format!(
            "a refresh of {} cycles and a row's {row} do not fit its interval of {}",
            cycles(length),
            cycles(interval) * turns
        );
        return error(length, message);
    }
    let apart = ["tRREFD", "tPBR2PBR"]
        .into_iter()
        .find_map(|name| preset.timings.get(name).copied())
        .unwrap_or_else(|| cycles(length));
    if turns > 1 && apart >= cycles(interval) {
        let message = format!(
            "refreshes of single banks come every {} cycles, but are {apart} apart at least",
            cycles(interval)
        );
        return error(interval, message);
    }
    Ok(())
}

pub(super) fn check_policy(
    policy: &Policy,
    standard: &Standard,
    preset: &Preset,
) -> Result<(), FieldError> {
    check_queues(policy)?;
    check_watermarks(policy)?;
    if policy.postpone > standard.refresh.postpone {
        let message = format!("{} refreshes postponed", policy.postpone);
        let help = format!("{} allows {}", standard.name, standard.refresh.postpone);
        return policy_error("postpone", message, &help);
    }
    if policy.refresh == RefreshPolicy::PerBank
        && (standard.refresh.per_bank == BankRefresh::Never
            || !preset.timings.contains_key("tREFI_pb"))
    {
        let message = format!("{} has no refresh of single banks", preset.name);
        let help = "AllBank; DDR3 and DDR4 have nothing else";
        return policy_error("refresh", message, help);
    }
    if matches!(
        policy.page,
        Page::Open { row_hits: 0 } | Page::Adaptive { row_hits: 0 }
    ) {
        let message = "0 column commands".to_owned();
        return policy_error("page.row_hits", message, "at least 1");
    }
    Ok(())
}

fn policy_error(field: &str, message: String, help: &str) -> Result<(), FieldError> {
    Err(FieldError::new(format!("policy.{field}"), message).help(help))
}

fn check_queues(policy: &Policy) -> Result<(), FieldError> {
    if policy.window == 0 || policy.window > 64 {
        let message = format!("{} row visits", policy.window);
        return policy_error("window", message, "from 1 to 64");
    }
    if policy.queue == 0 || policy.queue > 4096 {
        let message = format!("{} requests", policy.queue);
        return policy_error("queue", message, "from 1 to 4096");
    }
    Ok(())
}

fn check_watermarks(policy: &Policy) -> Result<(), FieldError> {
    let (high, low, batch) = (policy.write_high, policy.write_low, policy.batch);
    if low > high {
        let message = format!("{low} is above write_high, {high}");
        return policy_error("write_low", message, "the low watermark is the lower one");
    }
    for (field, bursts) in [("write_high", high), ("batch", batch)] {
        if bursts > MOST_BURSTS {
            let help = format!("at most {MOST_BURSTS}");
            return policy_error(field, format!("{bursts} bursts"), &help);
        }
    }
    if batch == 0 {
        let message = "0 bursts".to_owned();
        return policy_error("batch", message, "at least 1; the default is 512");
    }
    Ok(())
}

/// Constraints that can never bind.
pub(super) fn warnings(preset: &Preset) -> Vec<String> {
    let cycles = |name: &str| preset.timings.get(name).copied().unwrap_or(0);
    let mut warnings = Vec::new();
    if cycles("tFAW") <= 4 * cycles("tRRD_S") {
        warnings.push(format!(
            "timings.tFAW of {} never binds: four activates already take 4 tRRD_S = {}",
            cycles("tFAW"),
            4 * cycles("tRRD_S")
        ));
    }
    for name in ["tCCD_S", "tCCD_L"] {
        if cycles(name) < cycles("nBL") {
            warnings.push(format!(
                "timings.{name} of {} never binds: a burst takes nBL = {}",
                cycles(name),
                cycles("nBL")
            ));
        }
    }
    if cycles("tRTP") + cycles("tRCD_RD") < cycles("tRAS") && cycles("tRAS") == 0 {
        warnings.push("timings.tRAS of 0 never binds".to_owned());
    }
    warnings
}
