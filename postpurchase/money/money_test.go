package money_test

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/doorstep-go/doorstep/postpurchase/money"
)

func Example() {
	total, err := money.Parse("100.00", "EUR")
	if err != nil {
		panic(err)
	}
	parts, err := total.Split(1, 1, 1)
	if err != nil {
		panic(err)
	}
	fmt.Println(parts)
	sum, _ := money.Sum(parts...)
	fmt.Println(sum == total)
	// Output:
	// [EUR 33.34 EUR 33.33 EUR 33.33]
	// true
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		in, currency string
		want         int64
		err          error
	}{
		{"19.99", "EUR", 1999, nil},
		{"67.8400", "USD", 6784, nil},
		{"0", "EUR", 0, nil},
		{"-0", "EUR", 0, nil},
		{"-0.05", "EUR", -5, nil},
		{"7", "EUR", 700, nil},
		{"7.5", "EUR", 750, nil},
		{"007.50", "EUR", 750, nil},
		{"1200", "JPY", 1200, nil},
		{"1200.0000", "JPY", 1200, nil},
		{"1.234", "KWD", 1234, nil},
		{"1.2345", "CLF", 12345, nil},
		{"1500.50", "COP", 150050, nil}, // CLDR would show none
		{"3.10", "SLE", 310, nil},       // newer than CLDR 32
		{"92233720368547758.07", "EUR", math.MaxInt64, nil},
		{"-92233720368547758.08", "EUR", math.MinInt64, nil},
		{"92233720368547758.08", "EUR", 0, money.ErrOverflow},
		{"-92233720368547758.09", "EUR", 0, money.ErrOverflow},
		{"99999999999999999999999", "EUR", 0, money.ErrOverflow},
		{"19.999", "EUR", 0, money.ErrPrecision},
		{"0.5", "JPY", 0, money.ErrPrecision},
		{"", "EUR", 0, money.ErrSyntax},
		{"-", "EUR", 0, money.ErrSyntax},
		{".", "EUR", 0, money.ErrSyntax},
		{".5", "EUR", 0, money.ErrSyntax},
		{"5.", "EUR", 0, money.ErrSyntax},
		{"+5", "EUR", 0, money.ErrSyntax},
		{"1,50", "EUR", 0, money.ErrSyntax},
		{"1e3", "EUR", 0, money.ErrSyntax},
		{" 1", "EUR", 0, money.ErrSyntax},
		{"--1", "EUR", 0, money.ErrSyntax},
		{"1.2.3", "EUR", 0, money.ErrSyntax},
		{"٣", "EUR", 0, money.ErrSyntax},
		{"1", "", 0, money.ErrCurrency},
		{"1", "eur", 0, money.ErrCurrency},
		{"1", "QQQ", 0, money.ErrCurrency},
		{"1", "EURO", 0, money.ErrCurrency},
	} {
		got, err := money.Parse(c.in, c.currency)
		want := money.Amount{Minor: c.want, Currency: c.currency}
		if c.err != nil {
			want = money.Amount{}
		}
		if got != want || !errors.Is(err, c.err) {
			t.Errorf("Parse(%q, %q) = %v, %v; want %v, %v", c.in, c.currency, got, err, want, c.err)
		}
	}
}

func TestParseRounded(t *testing.T) {
	for _, c := range []struct {
		in, currency string
		want         int64
	}{
		{"16.6667", "EUR", 1667},
		{"16.6649", "EUR", 1666},
		{"0.0050", "EUR", 1},
		{"-0.0050", "EUR", -1},
		{"-0.0049", "EUR", 0},
		{"9.9950", "EUR", 1000},
		{"0.5", "JPY", 1},
		{"12.00", "EUR", 1200},
	} {
		got, err := money.ParseRounded(c.in, c.currency)
		if err != nil || got.Minor != c.want {
			t.Errorf("ParseRounded(%q, %s) = %v, %v; want %d", c.in, c.currency, got, err, c.want)
		}
	}
	if _, err := money.ParseRounded("92233720368547758.075", "EUR"); !errors.Is(err, money.ErrOverflow) {
		t.Errorf("rounding up past the largest amount gave %v", err)
	}
}

func TestText(t *testing.T) {
	for _, c := range []struct {
		in   money.Amount
		want string
	}{
		{money.Amount{Minor: 1999, Currency: "EUR"}, "EUR 19.99"},
		{money.Amount{Minor: 5, Currency: "EUR"}, "EUR 0.05"},
		{money.Amount{Minor: -5, Currency: "EUR"}, "EUR -0.05"},
		{money.Amount{Minor: 50, Currency: "EUR"}, "EUR 0.50"},
		{money.Amount{Minor: 0, Currency: "EUR"}, "EUR 0.00"},
		{money.Amount{Minor: 1200, Currency: "JPY"}, "JPY 1200"},
		{money.Amount{Minor: 1, Currency: "KWD"}, "KWD 0.001"},
		{money.Amount{Minor: math.MinInt64, Currency: "EUR"}, "EUR -92233720368547758.08"},
		{money.Amount{}, "0"},
		{money.Amount{Minor: 12, Currency: "???"}, "??? 12"},
	} {
		if got := c.in.String(); got != c.want {
			t.Errorf("String of %d %s = %q, want %q", c.in.Minor, c.in.Currency, got, c.want)
		}
	}
}

func TestArithmetic(t *testing.T) {
	eur := func(n int64) money.Amount { return money.Amount{Minor: n, Currency: "EUR"} }
	usd := money.Amount{Minor: 1, Currency: "USD"}
	none, bare := money.Amount{}, money.Amount{Minor: 3}
	type result struct {
		Amount money.Amount
		Err    string
	}
	text := func(a money.Amount, err error) result {
		if err != nil {
			return result{a, err.Error()}
		}
		return result{Amount: a}
	}
	bad := func(err error) result { return result{Err: err.Error()} }
	for _, c := range []struct {
		name      string
		got, want result
	}{
		{"add", text(eur(5).Add(eur(7))), result{Amount: eur(12)}},
		{"none + eur", text(none.Add(eur(7))), result{Amount: eur(7)}},
		{"eur + none", text(eur(7).Add(none)), result{Amount: eur(7)}},
		{"none + none", text(none.Add(none)), result{}},
		{"eur + usd", text(eur(7).Add(usd)), bad(money.ErrCurrency)},
		{"0 eur + usd", text(eur(0).Add(usd)), bad(money.ErrCurrency)},
		{"no currency", text(bare.Add(bare)), bad(money.ErrCurrency)},
		{"no currency + eur", text(bare.Add(eur(1))), bad(money.ErrCurrency)},
		{"max + 1", text(eur(math.MaxInt64).Add(eur(1))), bad(money.ErrOverflow)},
		{"min + -1", text(eur(math.MinInt64).Add(eur(-1))), bad(money.ErrOverflow)},
		{"max + 0", text(eur(math.MaxInt64).Add(eur(0))), result{Amount: eur(math.MaxInt64)}},
		{"sub", text(eur(5).Sub(eur(7))), result{Amount: eur(-2)}},
		{"none - eur", text(none.Sub(eur(7))), result{Amount: eur(-7)}},
		{"sub 0", text(eur(5).Sub(eur(0))), result{Amount: eur(5)}},
		{"0 - min", text(eur(0).Sub(eur(math.MinInt64))), bad(money.ErrOverflow)},
		{"eur - usd", text(eur(7).Sub(usd)), bad(money.ErrCurrency)},
		{"neg", text(eur(5).Neg()), result{Amount: eur(-5)}},
		{"neg min", text(eur(math.MinInt64).Neg()), bad(money.ErrOverflow)},
		{"mul", text(eur(-5).Mul(3)), result{Amount: eur(-15)}},
		{"mul to min", text(eur(math.MinInt64 / 2).Mul(2)), result{Amount: eur(math.MinInt64)}},
		{"mul over", text(eur(math.MinInt64).Mul(-1)), bad(money.ErrOverflow)},
		{"mul over 2", text(eur(1 << 40).Mul(1 << 40)), bad(money.ErrOverflow)},
		{"sum", text(money.Sum(eur(1), none, eur(2))), result{Amount: eur(3)}},
		{"sum of none", text(money.Sum()), result{}},
		{"sum mixed", text(money.Sum(eur(1), usd)), bad(money.ErrCurrency)},
		{"new", text(money.New(5, "EUR")), result{Amount: eur(5)}},
		{"new unknown", text(money.New(5, "euro")), bad(money.ErrCurrency)},
	} {
		if d := cmp.Diff(c.want, c.got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
	for _, c := range []struct {
		a, b money.Amount
		want int
		err  error
	}{
		{eur(1), eur(2), -1, nil}, {eur(2), eur(2), 0, nil}, {eur(3), eur(2), 1, nil},
		{none, eur(2), -1, nil}, {eur(2), usd, 0, money.ErrCurrency},
	} {
		if got, err := c.a.Cmp(c.b); got != c.want || !errors.Is(err, c.err) {
			t.Errorf("Cmp(%v, %v) = %d, %v; want %d, %v", c.a, c.b, got, err, c.want, c.err)
		}
	}
	if !none.IsZero() || !eur(0).IsZero() || eur(1).IsZero() {
		t.Error("IsZero looks at something else than the amount")
	}
}

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		minor   int64
		weights []int64
		want    []int64
	}{
		{100, []int64{1, 1, 1}, []int64{34, 33, 33}},
		{-100, []int64{1, 1, 1}, []int64{-34, -33, -33}},
		{101, []int64{1, 0, 1}, []int64{51, 0, 50}},
		{5, []int64{3, 7}, []int64{2, 3}}, // 1.5 and 3.5: equal remainders, the first wins
		{10, []int64{1, 2, 4}, []int64{1, 3, 6}},
		{0, []int64{1, 2}, []int64{0, 0}},
		{1, []int64{0, 0, 9}, []int64{0, 0, 1}},
		{math.MaxInt64, []int64{math.MaxInt64}, []int64{math.MaxInt64}},
		{math.MinInt64, []int64{1, 1}, []int64{math.MinInt64 / 2, math.MinInt64 / 2}},
		{math.MinInt64, []int64{math.MaxInt64}, []int64{math.MinInt64}},
	} {
		parts, err := money.Amount{Minor: c.minor, Currency: "EUR"}.Split(c.weights...)
		if err != nil {
			t.Errorf("Split(%d, %v): %v", c.minor, c.weights, err)
			continue
		}
		var got []int64
		for _, p := range parts {
			got = append(got, p.Minor)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("Split(%d, %v) (-want +got):\n%s", c.minor, c.weights, d)
		}
	}
	for _, c := range []struct {
		weights []int64
		err     error
	}{
		{nil, money.ErrWeights}, {[]int64{0, 0}, money.ErrWeights}, {[]int64{2, -1}, money.ErrWeights},
		{[]int64{math.MaxInt64, 1}, money.ErrOverflow},
	} {
		if _, err := (money.Amount{Minor: 1, Currency: "EUR"}).Split(c.weights...); !errors.Is(err, c.err) {
			t.Errorf("Split by %v: %v, want %v", c.weights, err, c.err)
		}
	}
}

// FuzzText: what Decimal writes, Parse reads.
func FuzzText(f *testing.F) {
	f.Add(int64(0), "EUR")
	f.Add(int64(-5), "JPY")
	f.Add(int64(math.MinInt64), "KWD")
	f.Add(int64(math.MaxInt64), "CLF")
	f.Fuzz(func(t *testing.T, minor int64, currency string) {
		a, err := money.New(minor, currency)
		if err != nil {
			t.Skip()
		}
		got, err := money.Parse(a.Decimal(), currency)
		if err != nil || got != a {
			t.Fatalf("Parse(%q) = %v, %v; want %v", a.Decimal(), got, err, a)
		}
	})
}

// FuzzParse: an amount that parses is within half a minor unit of the number that was
// written, by arithmetic that is not ours; and exactly it, where Parse took it.
func FuzzParse(f *testing.F) {
	f.Add("67.8400")
	f.Add("-0.005")
	f.Add("92233720368547758.075")
	f.Fuzz(func(t *testing.T, s string) {
		a, err := money.ParseRounded(s, "EUR")
		if err != nil {
			if _, err := money.Parse(s, "EUR"); err == nil {
				t.Fatal("Parse took what ParseRounded refused")
			}
			return
		}
		want, ok := new(big.Rat).SetString(s)
		if !ok {
			t.Fatalf("%q is no number", s)
		}
		diff := new(big.Rat).Sub(new(big.Rat).Mul(want, big.NewRat(100, 1)), new(big.Rat).SetInt64(a.Minor))
		if diff.Abs(diff).Cmp(big.NewRat(1, 2)) > 0 {
			t.Fatalf("%q became %v", s, a)
		}
		if _, err := money.Parse(s, "EUR"); (err == nil) != (diff.Sign() == 0) {
			t.Fatalf("Parse(%q) error %v, but the difference is %v", s, err, diff)
		}
	})
}

// FuzzSplit: parts sum to the whole, and each is within one unit of its exact share.
func FuzzSplit(f *testing.F) {
	f.Add(int64(100), int64(1), int64(1), int64(1))
	f.Add(int64(math.MinInt64), int64(7), int64(0), int64(13))
	f.Fuzz(func(t *testing.T, minor, w1, w2, w3 int64) {
		whole := money.Amount{Minor: minor, Currency: "EUR"}
		weights := []int64{w1, w2, w3}
		parts, err := whole.Split(weights...)
		if err != nil {
			t.Skip()
		}
		sum, err := money.Sum(parts...)
		if err != nil || sum != whole {
			t.Fatalf("parts %v sum to %v, %v; want %v", parts, sum, err, whole)
		}
		total := new(big.Int).SetInt64(w1)
		total.Add(total, big.NewInt(w2)).Add(total, big.NewInt(w3))
		for i, p := range parts {
			exact := new(big.Rat).SetFrac(new(big.Int).Mul(big.NewInt(minor), big.NewInt(weights[i])), total)
			off := exact.Sub(exact, new(big.Rat).SetInt64(p.Minor))
			if off.Abs(off).Cmp(big.NewRat(1, 1)) >= 0 {
				t.Fatalf("part %d of %v by %v is %v", i, whole, weights, p)
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		money.Parse("1067.8400", "EUR")
	}
}

func BenchmarkDecimal(b *testing.B) {
	a := money.Amount{Minor: 106784, Currency: "EUR"}
	b.ReportAllocs()
	for b.Loop() {
		_ = a.Decimal()
	}
}

func BenchmarkSplit(b *testing.B) {
	a := money.Amount{Minor: 106784, Currency: "EUR"}
	b.ReportAllocs()
	for b.Loop() {
		a.Split(3, 1, 4, 1, 5)
	}
}
