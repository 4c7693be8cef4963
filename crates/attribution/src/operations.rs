//! What each operation did, summed up over the passes of a run.

use std::collections::BTreeMap;

use tile_program::{
    Busy, Class, Flow, Operation, OperationId, OperationName, Operator, Platform, Role, TileChoice,
    UnitId,
};

/// What one operation did, over all passes in which it ran.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) name: OperationName,
    pub(crate) class: Class,
    pub(crate) unit: UnitId,
    /// Index into [`OperationTable::operators`].
    pub(crate) operator: usize,
    pub(crate) count: u64,
    pub(crate) tiles: u64,
    pub(crate) declared_macs: u64,
    pub(crate) macs: u64,
    pub(crate) cycles: u64,
    pub(crate) load_cycles: u64,
    pub(crate) store_cycles: u64,
    pub(crate) bytes_read: u64,
    pub(crate) bytes_written: u64,
    pub(crate) bytes_received: u64,
    pub(crate) compulsory_read: u64,
    pub(crate) compulsory_write: u64,
    /// The tiling of the latest pass in which the operation ran.
    pub(crate) tiling: Option<TileChoice>,
}

impl Entry {
    fn new(operation: &Operation, operator: usize) -> Self {
        Self {
            name: operation.name.clone(),
            class: operation.class,
            unit: operation.unit,
            operator,
            count: 0,
            tiles: 0,
            declared_macs: 0,
            macs: 0,
            cycles: 0,
            load_cycles: 0,
            store_cycles: 0,
            bytes_read: 0,
            bytes_written: 0,
            bytes_received: 0,
            compulsory_read: 0,
            compulsory_write: 0,
            tiling: None,
        }
    }

    fn is(&self, operation: &Operation) -> bool {
        self.class == operation.class && self.unit == operation.unit && self.name == operation.name
    }
}

/// The operations of a run. Names are stable over passes, so the table is as long as a pass, not
/// as long as the run.
#[derive(Debug)]
pub(crate) struct OperationTable {
    /// The role of each unit, indexed by `UnitId`.
    roles: Vec<Role>,
    pub(crate) entries: Vec<Entry>,
    /// Operator and class, by which operations group.
    pub(crate) operators: Vec<(Operator, Class)>,
    /// Place in `entries` of each operation of the current pass.
    current: Vec<usize>,
    by_name: BTreeMap<(OperationName, Class, UnitId), usize>,
}

impl OperationTable {
    pub(crate) fn new(platform: &Platform) -> Self {
        Self {
            roles: platform.all_units().map(|(_, _, role)| role).collect(),
            entries: Vec::new(),
            operators: Vec::new(),
            current: Vec::new(),
            by_name: BTreeMap::new(),
        }
    }

    /// A pass with these operations begins.
    pub(crate) fn begin_pass(&mut self, operations: &[Operation]) {
        let previous = std::mem::take(&mut self.current);
        self.current.reserve(operations.len());
        for (place, operation) in operations.iter().enumerate() {
            // Most passes repeat the one before.
            let same = previous.get(place).copied();
            let index = same
                .filter(|index| self.entries[*index].is(operation))
                .unwrap_or_else(|| self.find_or_add(operation));
            let entry = &mut self.entries[index];
            entry.count += 1;
            entry.declared_macs += operation.macs;
            entry.compulsory_read += operation.compulsory_read.get();
            entry.compulsory_write += operation.compulsory_write.get();
            entry.tiling = operation.tiling;
            self.current.push(index);
        }
    }

    fn find_or_add(&mut self, operation: &Operation) -> usize {
        let key = (operation.name.clone(), operation.class, operation.unit);
        if let Some(index) = self.by_name.get(&key) {
            return *index;
        }
        let group = (operation.name.operator, operation.class);
        let known = self.operators.iter().position(|known| *known == group);
        let operator = known.unwrap_or_else(|| {
            self.operators.push(group);
            self.operators.len() - 1
        });
        self.entries.push(Entry::new(operation, operator));
        self.by_name.insert(key, self.entries.len() - 1);
        self.entries.len() - 1
    }

    pub(crate) fn get(&self, operation: OperationId) -> &Entry {
        &self.entries[self.current[operation.index()]]
    }

    fn get_mut(&mut self, operation: OperationId) -> &mut Entry {
        &mut self.entries[self.current[operation.index()]]
    }

    /// A unit worked on an operation.
    pub(crate) fn busy(&mut self, busy: &Busy<'_>) {
        let flow = self.roles[busy.unit.index()].flow();
        let cycles = busy.to.since(busy.from).get();
        let main = self.does_main_work(busy.unit, busy.operation);
        let entry = self.get_mut(busy.operation);
        if main {
            entry.cycles += cycles;
        }
        match flow {
            Some(Flow::FromMemory) => {
                entry.load_cycles += cycles;
                entry.bytes_read += busy.bytes.get();
            }
            Some(Flow::ToMemory) => {
                entry.store_cycles += cycles;
                entry.bytes_written += busy.bytes.get();
            }
            Some(Flow::FromLinks) => entry.bytes_received += busy.bytes.get(),
            None => {}
        }
        entry.macs += busy.macs;
    }

    /// A unit completed an instruction of an operation.
    pub(crate) fn complete(&mut self, unit: UnitId, operation: OperationId) {
        let main = self.does_main_work(unit, operation);
        self.get_mut(operation).tiles += u64::from(main);
    }

    /// Whether a unit does an operation's main work: several arrays may share it.
    fn does_main_work(&self, unit: UnitId, operation: OperationId) -> bool {
        let main = self.get(operation).unit;
        let is_array = |unit: UnitId| self.roles[unit.index()].is_array();
        unit == main || is_array(unit) && is_array(main)
    }
}
