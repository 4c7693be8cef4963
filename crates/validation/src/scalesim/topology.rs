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
    fn of(header: &str, first: (usize, &str)) -> Result<Self, ReadError> {
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
        match fields(first.1).len() {
            4 | 5 => Ok(Self::Gemm),
            8 | 9 => Ok(Self::Convolution),
            other => Err(ReadError::at(first.0, format!("{other} fields")).help(
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
        let first = *lines
            .peek()
            .ok_or_else(|| ReadError::file("the file holds a header and no layers"))?;
        let topology = Self::of(header, first)?;
        let mut layers = Vec::new();
        for (line, text) in lines {
            topology.layer(line, text, &mut layers)?;
        }
        Ok(layers)
    }

    fn layer(self, line: usize, text: &str, layers: &mut Vec<Layer>) -> Result<(), ReadError> {
        let fields = fields(text);
        let columns = self.columns();
        let needed = columns.len() + 1;
        let ratio = fields.get(needed).is_none_or(|field| field.contains(':'));
        if fields.len() < needed || fields.len() > needed + 1 || !ratio {
            let missing = columns.get(fields.len().saturating_sub(1));
            let error = ReadError::at(line, format!("{} fields", fields.len()))
                .help(format!("{needed}: name, {}", columns.join(", ")));
            return Err(match missing {
                Some(column) => error.column(column),
                None => error,
            });
        }
        let numbers: Vec<u64> = columns
            .iter()
            .zip(&fields[1..])
            .map(|(column, field)| dimension(line, column, field))
            .collect::<Result<_, _>>()?;
        let name = fields[0].to_owned();
        match (self, numbers.as_slice()) {
            (Self::Gemm, &[m, n, k]) => layers.push(Layer {
                name,
                line,
                m,
                n,
                k,
            }),
            (_, &[ih, iw, fh, fw, channels, filters, stride]) => {
                let (height, width) = (
                    side(line, 0, ih, fh, stride)?,
                    side(line, 1, iw, fw, stride)?,
                );
                // The tool runs a depth-wise convolution channel by channel.
                let depth_wise = name.contains("DP");
                let (times, deep) = if depth_wise {
                    (channels, 1)
                } else {
                    (1, channels)
                };
                if times > GREATEST_CHANNELS {
                    return Err(ReadError::at(line, format!("{times} depth-wise channels"))
                        .column("Channels")
                        .help(format!("at most {GREATEST_CHANNELS}")));
                }
                let overflow = || ReadError::at(line, "the layer's size leaves 64 bits");
                let m = height.checked_mul(width).ok_or_else(overflow)?;
                let window = fh.checked_mul(fw).ok_or_else(overflow)?;
                let k = window.checked_mul(deep).ok_or_else(overflow)?;
                for channel in 0..times {
                    let name = if depth_wise {
                        format!("{name}Channel_{channel}")
                    } else {
                        name.clone()
                    };
                    layers.push(Layer {
                        name,
                        line,
                        m,
                        n: filters,
                        k,
                    });
                }
            }
            _ => unreachable!("as many numbers as columns"),
        }
        Ok(())
    }
}

/// Height or width of the result: ⌈(input − filter + stride) / stride⌉.
fn side(line: usize, axis: usize, input: u64, filter: u64, stride: u64) -> Result<u64, ReadError> {
    if filter > input {
        let message = format!("a filter of {filter} on an input of {input}");
        return Err(ReadError::at(line, message)
            .column(CONVOLUTION[2 + axis])
            .help("no larger than the input"));
    }
    Ok((input - filter).div_ceil(stride) + 1)
}
