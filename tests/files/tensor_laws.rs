//! Laws of tensor layouts: a permutation moves no element, rows tile a contiguous tensor, blocks stay whole.

use cutaway::quant::GgmlType;
use cutaway::tensor::{Layout, TensorError, TensorView};
use proptest::prelude::*;

const TYPES: [GgmlType; 6] =
    [GgmlType::F32, GgmlType::F16, GgmlType::I8, GgmlType::Q4_0, GgmlType::Q8_0, GgmlType::Q4_K];

/// A type and a shape with rows of whole blocks; dimensions of 0 and 1 among them.
fn any_shape() -> impl Strategy<Value = (GgmlType, [usize; 4])> {
    let ty = prop::sample::select(&TYPES[..]);
    (ty, 0usize..4, 0usize..5, 0usize..4, 0usize..4)
        .prop_map(|(ty, n0, n1, n2, n3)| (ty, [n0 * ty.block_len(), n1, n2, n3]))
}

fn any_axes() -> impl Strategy<Value = [usize; 4]> {
    Just([0, 1, 2, 3]).prop_shuffle()
}

fn inverse(axes: [usize; 4]) -> [usize; 4] {
    let mut inverse = [0; 4];
    axes.iter().enumerate().for_each(|(dim, &axis)| inverse[axis] = dim);
    inverse
}

fn indices(ne: [usize; 4]) -> impl Iterator<Item = [usize; 4]> {
    let [n0, n1, n2, n3] = ne;
    (0..n0 * n1 * n2 * n3).map(move |i| [i % n0, i / n0 % n1, i / (n0 * n1) % n2, i / (n0 * n1 * n2)])
}

/// As many bytes as the shape needs, no two blocks alike.
fn numbered(ty: GgmlType, ne: [usize; 4]) -> Vec<u8> {
    let n = ty.row_bytes(ne[0]).unwrap() * ne[1..].iter().product::<usize>();
    (0..n).map(|i| (i / ty.block_bytes()) as u8 ^ ((i / ty.block_bytes()) >> 8) as u8).collect()
}

proptest! {
    #[test]
    fn a_permutation_and_its_inverse_are_nothing((ty, ne) in any_shape(), axes in any_axes()) {
        let layout = Layout::contiguous(ty, ne).unwrap();
        match layout.permute(axes) {
            Ok(permuted) => prop_assert_eq!(permuted.permute(inverse(axes)), Ok(layout)),
            Err(error) => {
                prop_assert!(ty.block_len() > 1 && axes[0] != 0);
                prop_assert_eq!(error, TensorError::SplitsBlock { ty, what: "a column" });
            }
        }
    }

    #[test]
    fn a_permuted_element_stays_where_it_was((ty, ne) in any_shape(), axes in any_axes()) {
        let layout = Layout::contiguous(ty, ne).unwrap();
        let Ok(permuted) = layout.permute(axes) else { return Ok(()) };
        prop_assert_eq!(permuted.extent(), layout.extent());
        for index in indices(ne) {
            let mut moved = [0; 4];
            axes.iter().zip(index).for_each(|(&axis, i)| moved[axis] = i);
            prop_assert_eq!(permuted.offset(moved), layout.offset(index));
        }
    }

    #[test]
    fn rows_tile_a_contiguous_tensor((ty, ne) in any_shape()) {
        let bytes = numbered(ty, ne);
        let tensor = TensorView::new(ty, ne, &bytes).unwrap();
        prop_assert!(tensor.layout().is_contiguous());
        prop_assert_eq!(tensor.layout().extent(), bytes.len());
        let mut end = bytes.as_ptr() as usize;
        for [_, i1, i2, i3] in indices([1, ne[1], ne[2], ne[3]]) {
            let row = tensor.row(i1, i2, i3).unwrap();
            prop_assert!(row.is_empty() || row.as_ptr() as usize == end, "rows follow each other");
            end += row.len();
        }
        prop_assert_eq!(end - bytes.as_ptr() as usize, bytes.len());
        prop_assert_eq!(tensor.contiguous(), bytes);
    }

    #[test]
    fn a_copy_of_a_permuted_view_holds_the_same_elements((ty, ne) in any_shape(), axes in any_axes()) {
        let bytes = numbered(ty, ne);
        let tensor = TensorView::new(ty, ne, &bytes).unwrap();
        let Ok(permuted) = tensor.permute(axes) else { return Ok(()) };
        let copy = permuted.contiguous();
        let copied = TensorView::new(ty, permuted.ne(), &copy).unwrap();
        for index in indices(permuted.ne()) {
            prop_assert_eq!(copied.block(index), permuted.block(index));
        }
        // Contiguous exactly when walking it in order is walking the bytes in order.
        let in_order = indices(permuted.ne()).step_by(ty.block_len()).map(|index| permuted.layout().offset(index).unwrap());
        prop_assert_eq!(permuted.layout().is_contiguous(), in_order.eq((0..bytes.len()).step_by(ty.block_bytes())));
    }

    #[test]
    fn a_slice_is_part_of_the_whole((ty, ne) in any_shape(), dim in 0usize..4, cut in any::<(prop::sample::Index, prop::sample::Index)>()) {
        let bytes = numbered(ty, ne);
        let tensor = TensorView::new(ty, ne, &bytes).unwrap();
        let (a, b) = (cut.0.index(ne[dim] + 1), cut.1.index(ne[dim] + 1));
        let range = a.min(b)..a.max(b);
        match tensor.slice(dim, range.clone()) {
            Ok(slice) => for index in indices(slice.ne()) {
                let mut whole = index;
                whole[dim] += range.start;
                prop_assert_eq!(slice.block(index).unwrap().as_ptr(), tensor.block(whole).unwrap().as_ptr());
            },
            Err(error) => {
                prop_assert_eq!(error, TensorError::SplitsBlock { ty, what: "a slice of a row" });
                prop_assert!(dim == 0 && (range.start % ty.block_len() != 0 || range.end % ty.block_len() != 0));
            }
        }
    }

    #[test]
    fn no_view_begins_or_ends_inside_a_block(ne in any::<[u8; 4]>(), nb in any::<[u8; 4]>(), offset in 0usize..700) {
        let (ne, nb) = (ne.map(|n| usize::from(n % 70)), nb.map(usize::from));
        let bytes = numbered(GgmlType::Q8_0, [320, 2, 1, 1]); // 20 blocks of 34 bytes
        let tensor = TensorView::new(GgmlType::Q8_0, [320, 2, 1, 1], &bytes).unwrap();
        if let Ok(view) = tensor.view(ne, nb, offset) {
            for index in indices(view.ne()) {
                let at = view.block(index).unwrap().as_ptr() as usize - bytes.as_ptr() as usize;
                prop_assert_eq!(at % 34, 0);
            }
        }
    }

    #[test]
    fn reshaping_keeps_the_order((ty, ne) in any_shape()) {
        let layout = Layout::contiguous(ty, ne).unwrap();
        let flat = layout.reshape([ne[0], layout.n_rows(), 1, 1]).unwrap();
        for (a, b) in indices(ne).zip(indices(flat.ne())) {
            prop_assert_eq!(layout.offset(a), flat.offset(b));
        }
        prop_assert_eq!(flat.reshape(ne), Ok(layout));
    }

    #[test]
    fn no_shape_or_stride_overflows(
        ty in prop::sample::select(&TYPES[..]),
        ne in prop::array::uniform4(extreme()),
        nb in prop::array::uniform4(extreme()),
        index in prop::array::uniform4(extreme()),
    ) {
        for layout in [Layout::contiguous(ty, ne), Layout::strided(ty, ne, nb)].into_iter().flatten() {
            let _ = (layout.n_elements(), layout.n_rows(), layout.row_bytes(), layout.is_contiguous());
            let _ = (layout.offset(index), layout.slice(index[0] % 4, index[1]..index[2]), layout.reshape(nb));
            let view = TensorView::with_layout(layout, &[0; 64]);
            prop_assert!(view.is_err() || layout.extent() <= 64);
            if let Ok(view) = view {
                let _ = (view.row(index[1], index[2], index[3]), view.block(index), view.view(nb, ne, index[0]));
            }
        }
    }
}

/// Small numbers, the largest ones, powers of two, and anything.
fn extreme() -> impl Strategy<Value = usize> {
    prop_oneof![0usize..3, (0u32..64).prop_map(|n| 1 << n), (0usize..3).prop_map(|n| usize::MAX - n), any::<usize>()]
}

/// The drawing in the module's documentation.
#[test]
fn transposing_moves_no_byte() {
    let bytes: Vec<u8> = [1f32, 2., 3., 4., 5., 6.].iter().flat_map(|x| x.to_le_bytes()).collect();
    let matrix = TensorView::new(GgmlType::F32, [3, 2, 1, 1], &bytes).unwrap();
    assert_eq!((matrix.ne(), matrix.nb()), ([3, 2, 1, 1], [4, 12, 24, 24]));

    let transposed = matrix.transpose().unwrap();
    assert_eq!((transposed.ne(), transposed.nb()), ([2, 3, 1, 1], [12, 4, 24, 24]));
    assert_eq!(transposed.bytes().as_ptr(), bytes.as_ptr());
    let error = transposed.row(0, 0, 0).unwrap_err();
    assert!(error.to_string().contains("is not contiguous, so a row as one slice needs a copy of it"), "{error}");
    assert!(matches!(transposed.reshape([6, 1, 1, 1]), Err(TensorError::NotContiguous { .. })));

    let copy: Vec<f32> =
        transposed.contiguous().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    assert_eq!(copy, [1., 4., 2., 5., 3., 6.]);
}

#[test]
fn errors_say_what_was_expected() {
    let error = TensorView::new(GgmlType::F32, [3, 2, 1, 1], &[0; 23]).unwrap_err();
    assert_eq!(error.to_string(), "F32 of shape [3, 2, 1, 1] takes 24 bytes, found 23");
    let error = Layout::contiguous(GgmlType::Q4_K, [100, 1, 1, 1]).unwrap_err();
    assert_eq!(error.to_string(), "a row of 100 elements is not whole blocks of Q4_K: expected a multiple of 256");
    let layout = Layout::contiguous(GgmlType::F32, [4, 1, 1, 1]).unwrap();
    assert_eq!(
        layout.reshape([5, 1, 1, 1]).unwrap_err().to_string(),
        "cannot reshape [4, 1, 1, 1] (4 elements) to [5, 1, 1, 1] (5)"
    );
    assert_eq!(layout.permute([0, 0, 2, 3]).unwrap_err(), TensorError::NotAPermutation { found: [0, 0, 2, 3] });
    assert_eq!(
        layout.offset([4, 0, 0, 0]).unwrap_err().to_string(),
        "index [4, 0, 0, 0] is not within shape [4, 1, 1, 1]"
    );
    assert!(matches!(layout.slice(4, 0..0), Err(TensorError::BadRange { dim: 4, .. })));
}
