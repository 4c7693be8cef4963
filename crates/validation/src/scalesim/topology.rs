//! The tool's topology files.

use super::read::{ReadError, dimension, fields, lines};

/// A layer as a GEMM: C\[m,n\] = A\[m,k\] · B\[k,n\].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Its name in the file; a depth-wise convolution's layers are named by their channel.
    pub name: String,
    /// Line of the file, from one.
    pub line: usize,
    /// Pixels of the result (convolutions), rows of A.
    pub m: u64,
    /// Filters, columns of B.
    pub n: u64,
    /// Elements of a filter, columns of A.
    pub k: u64,
}

/// Which of the two formats a file is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topology {
    /// `name, M, N, K,`
    Gemm,
    /// `name, ifmap height, ifmap width, filter height, filter width, channels, filters, stride,`
    Convolution,
}

const GEMM: [&str; 3] = ["M", "N", "K"];
const CONVOLUTION: [&str; 7] = [
    "IFMAP Height",
    "IFMAP Width",
    "Filter Height",
    "Filter Width",
    "Channels",
    "Num Filter",
    "Strides",
];

/// Each channel of a depth-wise convolution is a layer of its own.
const GREATEST_CHANNELS: u64 = 1 << 16;

impl Topology {
    const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Gemm => &GEMM,
            Self::Convolution => &CONVOLUTION,
        }
    }

    /// Tells a file's format by its header, or by how many fields its lines have.
    fn of(header: &str, line: usize, first: &str) -> Result<Self, ReadError> {
        let names: Vec<String> = fields(header)
            .iter()
            .map(|name| name.to_lowercase())
            .collect();
        if names
            .get(1..4)
            .is_some_and(|names| names == ["m", "n", "k"])
        {
            return Ok(Self::Gemm);
        }
        if names
            .iter()
            .any(|name| name.contains("ifmap") || name.contains("filter"))
        {
            return Ok(Self::Convolution);
        }
        // A last field may be the sparsity ratio.
        match fields(first).len() {
            4 | 5 => Ok(Self::Gemm),
            8 | 9 => Ok(Self::Convolution),
            other => Err(ReadError::at(line, format!("{other} fields")).help(
                "4 for GEMMs: name, M, N, K; 8 for convolutions: name, IFMAP height and width, \
                 filter height and width, channels, filters, stride",
            )),
        }
    }

    /// Reads a file of either format. Lines may end with a comma or without.
    ///
    /// # Errors
    /// A file without layers, a line with too few or too many fields, text for a number, a
    /// dimension of zero, a filter larger than its input, by line and column.
    pub fn read(text: &str) -> Result<Vec<Layer>, ReadError> {
        let mut lines = lines(text).peekable();
        let (header_line, header) = lines
            .next()
            .ok_or_else(|| ReadError::file("the file is empty").help("a header, then layers"))?;
        if fields(header)
            .get(1)
            .is_some_and(|field| field.parse::<u64>().is_ok())
        {
            return Err(
                ReadError::at(header_line, "a layer where the header belongs")
                    .help("the first line names the columns: Layer, M, N, K,"),
            );
        }
        let &(first_line, first) = lines
            .peek()
            .ok_or_else(|| ReadError::file("the file holds a header and no layers"))?;
        let topology = Self::of(header, first_line, first)?;
        let mut layers = Vec::new();
        for (line, text) in lines {
            layers.extend(topology.layers(line, text)?);
        }
        Ok(layers)
    }

    /// The layers of a line: one, or one for each channel of a depth-wise convolution.
    fn layers(self, line: usize, text: &str) -> Result<Vec<Layer>, ReadError> {
        let fields = fields(text);
        self.check_count(line, &fields)?;
        let numbers = self.columns().iter().zip(&fields[1..]);
        let numbers: Vec<u64> = numbers
            .map(|(column, field)| dimension(line, column, field))
            .collect::<Result<_, _>>()?;
        let name = fields[0].to_owned();
        match *numbers {
            [m, n, k] => Ok(vec![Layer {
                name,
                line,
                m,
                n,
                k,
            }]),
            [
                height,
                width,
                filter_height,
                filter_width,
                channels,
                filters,
                stride,
            ] => {
                let convolution = Convolution {
                    name,
                    line,
                    input: [height, width],
                    filter: [filter_height, filter_width],
                    channels,
                    filters,
                    stride,
                };
                convolution.layers()
            }
            _ => unreachable!("as many numbers as columns"),
        }
    }

    /// Checks that a line has a name, a number for each column, and at most a ratio of sparsity
    /// behind them.
    fn check_count(self, line: usize, fields: &[&str]) -> Result<(), ReadError> {
        let columns = self.columns();
        let needed = columns.len() + 1;
        let ratio = fields.get(needed).is_none_or(|field| field.contains(':'));
        if fields.len() >= needed && fields.len() <= needed + 1 && ratio {
            return Ok(());
        }
        let error = ReadError::at(line, format!("{} fields", fields.len()))
            .help(format!("{needed}: name, {}", columns.join(", ")));
        Err(match columns.get(fields.len().saturating_sub(1)) {
            Some(column) => error.column(column),
            None => error,
        })
    }
}

/// A convolution as a line gives it.
struct Convolution {
    name: String,
    line: usize,
    /// Height and width of the input.
    input: [u64; 2],
    /// Height and width of a filter.
    filter: [u64; 2],
    channels: u64,
    filters: u64,
    stride: u64,
}

impl Convolution {
    /// The convolution as GEMMs, as the tool runs it: a depth-wise one channel by channel.
    fn layers(&self) -> Result<Vec<Layer>, ReadError> {
        let overflow = || ReadError::at(self.line, "the layer's size leaves 64 bits");
        let (height, width) = (self.side(0)?, self.side(1)?);
        let m = height.checked_mul(width).ok_or_else(overflow)?;
        let [filter_height, filter_width] = self.filter;
        let window = filter_height.checked_mul(filter_width);
        let window = window.ok_or_else(overflow)?;
        let layer = |name, k| Layer {
            name,
            line: self.line,
            m,
            n: self.filters,
            k,
        };
        let channels = self.channels;
        if !self.name.contains("DP") {
            let k = window.checked_mul(channels).ok_or_else(overflow)?;
            return Ok(vec![layer(self.name.clone(), k)]);
        }
        if channels > GREATEST_CHANNELS {
            let message = format!("{channels} depth-wise channels");
            return Err(ReadError::at(self.line, message)
                .column("Channels")
                .help(format!("at most {GREATEST_CHANNELS}")));
        }
        let names = (0..channels).map(|channel| format!("{}Channel_{channel}", self.name));
        Ok(names.map(|name| layer(name, window)).collect())
    }

    /// Height (axis 0) or width (axis 1) of the result: ⌈(input − filter + stride) / stride⌉.
    fn side(&self, axis: usize) -> Result<u64, ReadError> {
        let (input, filter) = (self.input[axis], self.filter[axis]);
        if filter > input {
            let message = format!("a filter of {filter} on an input of {input}");
            return Err(ReadError::at(self.line, message)
                .column(CONVOLUTION[2 + axis])
                .help("no larger than the input"));
        }
        Ok((input - filter).div_ceil(self.stride) + 1)
    }
}
